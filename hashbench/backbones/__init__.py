"""Image and text encoders behind one small face, and the cache of what they compute."""
