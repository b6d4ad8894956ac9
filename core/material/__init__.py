"""Training material: frames extracted from films, and clips drawn from them."""
