" Settings for Amal scripts.
if exists('b:did_ftplugin')
  finish
endif
let b:did_ftplugin = 1

setlocal comments=:#,sr:/*,mb:*,ex:*/ commentstring=#\ %s
setlocal expandtab shiftwidth=2 softtabstop=2 textwidth=120
setlocal formatprg=amal\ fmt\ -
setlocal suffixesadd=.amal
setlocal makeprg=amal\ check\ %:S errorformat=%f:%l:%c:\ %trror[%*[^]]]:\ %m,%f:%l:%c:\ %tarning[%*[^]]]:\ %m,%-G%.%#

let b:undo_ftplugin = 'setlocal comments< commentstring< expandtab< shiftwidth< softtabstop< textwidth< formatprg<'
      \ . ' suffixesadd< makeprg< errorformat<'
