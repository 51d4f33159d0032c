"""The console: where those who sell do their work.  A file a subject; every page is a plain form first."""
