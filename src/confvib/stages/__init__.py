"""One function per rule: read tables, call the library, write tables."""
