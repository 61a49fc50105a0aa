"""Files that people bring: pictures in three sizes, documents behind links, each content kept once."""
