"""One module per revision, oldest first; a revision never imports ``core``: models move on, revisions do not."""
