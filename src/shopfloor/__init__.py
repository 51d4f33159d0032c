"""Live commerce that a merchant owns, from the camera to the factory."""
