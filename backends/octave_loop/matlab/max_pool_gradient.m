function dx = max_pool_gradient(dout, x, g)
% (OH, OW, C, N), (H, W, C, N) -> (H, W, C, N): dout goes to the pixel that was the largest; windows overlap.
  dx = zeros(g.H, g.W, g.C, g.N, class(dout));
  [rows, cols] = read_by_taps(g);
  for n = 1:g.N
    [~, tap] = first_largest(x(:, :, :, n), g);
    slopes = dout(:, :, :, n);
    padded = zeros(g.PH, g.PW, g.C, class(dout));
    for u = 1:g.KH
      for v = 1:g.KW
        own = zeros(g.OH, g.OW, g.C, class(dout));
        here = tap == (u - 1) * g.KW + v;
        own(here) = slopes(here);
        padded(rows(u, :), cols(v, :), :) = padded(rows(u, :), cols(v, :), :) + own;
      end
    end
    dx(:, :, :, n) = crop_image(padded, g);
  end
end
