"""What `new` commands write: the beginning of a method, dataset or metric of one's own."""
