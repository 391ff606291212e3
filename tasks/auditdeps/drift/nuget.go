package drift

var nugetRules []rule
