"""What makes the book out of the notebooks; nothing here is part of the installed package."""
