// The picture viewer, and the visit counter in the footer. Without this file the site still works:
// every picture is a plain link.

var links = Array.from(document.querySelectorAll('.pictures a'))
var shown = 0

function buildViewer() {
  var viewer = document.createElement('dialog')
  viewer.className = 'viewer'
  viewer.setAttribute('aria-label', 'Picture viewer')
  viewer.innerHTML =
    '<img alt="">' +
    '<div><p aria-live="polite"></p>' +
    '<button type="button" data-step="-1" aria-label="Previous picture">&larr;</button>' +
    '<button type="button" data-step="1" aria-label="Next picture">&rarr;</button>' +
    '<button type="button" data-close aria-label="Close">&times;</button></div>'

  viewer.addEventListener('click', function (event) {
    var step = event.target.getAttribute('data-step')
    if (step) show(viewer, shown + Number(step))
    else if (event.target.hasAttribute('data-close')) viewer.close()
  })
  viewer.addEventListener('keydown', function (event) {
    if (event.key === 'ArrowLeft') show(viewer, shown - 1)
    if (event.key === 'ArrowRight') show(viewer, shown + 1)
  })
  viewer.addEventListener('close', function () {
    links[shown].focus()
  })
  document.body.append(viewer)
  return viewer
}

function show(viewer, index) {
  shown = (index + links.length) % links.length
  var small = links[shown].querySelector('img')
  var large = viewer.querySelector('img')
  large.src = links[shown].href
  large.alt = small.alt
  viewer.querySelector('p').textContent = shown + 1 + ' of ' + links.length + ': ' + small.alt
}

if (links.length > 0 && window.HTMLDialogElement) {
  var viewer = buildViewer()
  links.forEach(function (link, index) {
    link.addEventListener('click', function (event) {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return
      event.preventDefault()
      show(viewer, index)
      viewer.showModal()
    })
  })
}

function countVisit() {
  fetch('/api/visits', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ page: location.pathname }),
    credentials: 'omit',
    keepalive: true,
  })
    .then(function (response) {
      if (!response.ok) throw new Error('The counter answered ' + response.status)
      return response.json()
    })
    .then(function (page) {
      var visits = document.getElementById('visits')
      visits.textContent = 'This page was opened ' + page.views + (page.views === 1 ? ' time' : ' times') + ' today.'
      visits.hidden = false
    })
    .catch(function (error) {
      console.info('Visits are not counted right now:', error.message)
    })
}

countVisit()
