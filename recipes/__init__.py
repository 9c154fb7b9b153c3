"""How the shipped base model is made; not part of the package, which it imports."""
