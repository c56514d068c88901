"""The command `nst`: one file per subcommand, each a thin door to the library."""
