"""What is given: data classes, units, validation, loaders, generators and the shipped library."""
