"""The work behind the page of `animi studio`."""
