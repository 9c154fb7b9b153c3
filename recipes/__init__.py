"""How the shipped lite model is made."""
