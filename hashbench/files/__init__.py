"""Safe reading and writing of the files that people exchange: .mat, .npz, .npy."""
