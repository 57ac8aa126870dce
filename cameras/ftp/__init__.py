"""The FTP server that cameras send to: accounts, the server itself, and uploads that are not finished yet."""
