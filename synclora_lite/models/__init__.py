"""The lite model's own classes, with the interfaces of diffusers'."""
