"""What a recurrent model does with inputs that are not read step by step with the main one: a file a way."""
