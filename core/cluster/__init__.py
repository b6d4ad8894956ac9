"""Work on several machines by Ray: films in segments, extraction and evaluation, one task each."""
