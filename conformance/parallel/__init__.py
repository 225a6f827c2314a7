"""One run that several processes share: each takes a part of the cases and answers with reports (`--jobs`)."""
