"""Workers on a cluster of Ray: placed, reached and watched over by Ray, journalled on this machine."""
