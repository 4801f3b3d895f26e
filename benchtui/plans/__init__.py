"""What is to be done: the choice of the user, and the plan that holds all a worker needs."""
