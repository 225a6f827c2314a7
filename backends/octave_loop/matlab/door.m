function result = door(op, g, a, b, c)
% The ops on arrays as they come and go: the bytes of C order (N, C, H, W), which here are [W H C N].
% Inside, all is as MATLAB has it: (H, W, C, N).
  switch op
    case 'im2col'
      x = turned(a);
      result = zeros(g.OH * g.OW, g.KH * g.KW * g.C, g.N, class(a));
      for n = 1:g.N
        result(:, :, n) = row_major(im2col_image(x(:, :, :, n), g), [g.OH g.OW g.KH g.KW g.C]);
      end
    case 'col2im'
      x = zeros(g.H, g.W, g.C, g.N, class(a));
      for n = 1:g.N
        x(:, :, :, n) = col2im_image(row_major(a(:, :, n), [g.OW g.OH g.KW g.KH g.C]), g);
      end
      result = turned(x);
    case 'conv2d'
      if nargin < 5
        c = [];
      end
      result = turned(conv_forward(turned(a), turned(b), c, g));
    case 'conv2d_input_grad'
      result = turned(conv_input_gradient(turned(a), turned(b), g));
    case 'conv2d_weight_grad'
      result = turned(conv_weight_gradient(turned(a), turned(b), g));
    case 'conv2d_bias_grad'
      result = conv_bias_gradient(turned(a));
    case 'max_pool2d'
      result = turned(max_pool(turned(a), g));
    case 'max_pool2d_grad'
      result = turned(max_pool_gradient(turned(a), turned(b), g));
    case {'avg_pool2d', 'avg_pool2d_exclude_padding'}
      result = turned(average_pool(turned(a), divisor(op, g), g));
    case {'avg_pool2d_grad', 'avg_pool2d_exclude_padding_grad'}
      result = turned(average_pool_gradient(turned(a), divisor(op, g), g));
    otherwise
      error('there is no op %s', op);
  end
end

function array = turned(array)
% [W H C N] <-> (H, W, C, N).
  array = permute(array, [2 1 3 4]);
end

function columns = row_major(columns, sizes)
% The columns of one image with positions and taps in the other order: rows first <-> columns first.
  columns = reshape(permute(reshape(columns, sizes), [2 1 4 3 5]), size(columns));
end

function counts = divisor(op, g)
% What the sum of a window is divided by: its taps, or (OH, OW) how many of them meet a pixel.
  if isempty(strfind(op, 'exclude_padding'))
    counts = g.KH * g.KW;
    return
  end
  counts = zeros(g.OH, g.OW);
  pixels = pad_image(ones(g.H, g.W, g.C), g);
  [rows, cols] = read_by_taps(g);
  for v = 1:g.KW
    for u = 1:g.KH
      counts = counts + pixels(rows(u, :), cols(v, :), 1);
    end
  end
end
