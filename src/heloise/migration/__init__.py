"""Configurations of other servers, read and written anew: Postfix's main.cf, master.cf and tables.

Pure but for `Files`, which is handed in. To read in this order: `source`, `expansion`, `lookup`, `outcome`, `draft`,
`names`, `routes`, `restrictions`, `services`, `parameters`, `postfix`.
"""
