"""What synth and train both stand on: settings, files, directories, errors."""
