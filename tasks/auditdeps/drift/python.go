package drift

var pythonRules []rule
