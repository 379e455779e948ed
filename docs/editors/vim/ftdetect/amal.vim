autocmd BufRead,BufNewFile *.amal setfiletype amal
