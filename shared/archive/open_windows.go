package archive

const nonblock = 0 // Windows has no pipes among the files of a folder
