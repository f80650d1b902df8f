"""What a trained model rests on and how long it remembers, seen from outside: by its gradients and its losses."""
