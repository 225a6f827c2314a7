function answer(number, op, varargin)
% One call from outside: do it, then say in one line that it is done, or why not.
  try
    if strcmp(op, 'about')
      told = ['done ' version() ' ' version('-blas')];
    else
      compute(op, varargin{:});
      told = 'done';
    end
  catch problem
    told = ['failed ' strrep(problem.message, sprintf('\n'), ' ')];
  end
  fprintf('\noctave_loop %d %s\n', number, told);
  fflush(stdout);
end

function compute(op, precision, g, inputs, output)
% inputs: for each argument, the number of the open file it lies in, then its size.
  given = cell(1, numel(inputs));
  for k = 1:numel(inputs)
    given{k} = read_array(inputs{k}(1), inputs{k}(2:end), precision);
  end
  write_array(output, door(op, g, given{:}), precision);
end

function array = read_array(number, dims, precision)
  file = fopen(sprintf('/dev/fd/%d', number), 'rb');
  if file < 0
    error('file %d of the exchange cannot be opened', number);
  end
  fseek(file, 0, 'bof');
  array = fread(file, prod(dims), [precision '=>' precision]);
  fclose(file);
  array = reshape(array, [dims 1]);  % a bias has one size only
end

function write_array(number, array, precision)
  file = fopen(sprintf('/dev/fd/%d', number), 'wb');
  if file < 0
    error('file %d of the exchange cannot be opened', number);
  end
  written = fwrite(file, array, precision);
  if fclose(file) ~= 0 || written ~= numel(array)
    error('only %d of %d numbers could be written', written, numel(array));
  end
end
