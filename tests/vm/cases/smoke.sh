# One packet of every length from 60 to 1514 bytes comes back byte for byte, in order, and the ledger adds up.
# shellcheck shell=dash
pair a0 b0
smoke a0 b0
