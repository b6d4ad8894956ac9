"""The commands of `animi`, one file each."""
