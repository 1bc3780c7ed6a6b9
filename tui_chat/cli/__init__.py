"""The command line: ``tui-chat`` and its subcommands. stdout is data, stderr is narration."""
