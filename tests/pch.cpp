// The tests' precompiled headers are built with this file.
