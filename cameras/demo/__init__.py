"""A show for newcomers: drawn pictures of three cameras, dropped into the camera folders as real cameras do."""
