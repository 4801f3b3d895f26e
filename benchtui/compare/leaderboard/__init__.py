"""Many models beside each other: candidates in rows, tasks in columns, each compared with a reference."""
