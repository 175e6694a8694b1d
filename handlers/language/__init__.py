"""What people type: free order, free spelling, read into a command's own arguments."""
