package endpoint

// foldNames says that variable names that differ by case only are the same.
const foldNames = true
