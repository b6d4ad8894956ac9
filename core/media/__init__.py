"""Images and films in and out: frames, image files, the ffmpeg program, decoding, encoding, animations."""
