"""The rules of thumb people really use, one module per problem family."""
