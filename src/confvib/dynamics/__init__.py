"""From an energy function to stationary points and velocities, many cells at once."""
