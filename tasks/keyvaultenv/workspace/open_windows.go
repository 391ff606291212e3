package workspace

const only = 0
