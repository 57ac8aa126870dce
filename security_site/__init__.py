"""The site: settings, the pipeline's map, start-up and supervision."""
