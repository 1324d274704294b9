"""The command `evolvent`: one file a command."""
