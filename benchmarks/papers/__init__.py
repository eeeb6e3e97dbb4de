"""One module per paper: its figures and claims, printed beside what is found here."""
