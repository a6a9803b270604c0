// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Sockets;
using System.Text;

namespace Capbox.Vm;

/// <summary>Where a line of the guest came from.</summary>
internal enum Source
{
    /// <summary>The kernel's console, on the serial port.</summary>
    Console,

    /// <summary>The cases' output and what init reports, on a virtio port.</summary>
    Case,

    /// <summary>QEMU ended.</summary>
    Exit,
}

/// <summary>One line the guest printed.</summary>
internal readonly record struct Line(Source Source, string Text);

/// <summary>
/// A QEMU process. The kernel's console and the cases' output come on two channels, so that neither can break the other's lines;
/// two threads put them into one bounded queue in the order of their arrival.
/// </summary>
internal sealed class Guest : IDisposable
{
    private const int QueuedLines = 10_000;
    private const int LineCharacters = 2_000;
    private readonly Process _process;
    private readonly Socket _listener;
    private readonly string _socketPath;
    private readonly Socket? _cases;
    private readonly BlockingCollection<Line> _lines = new(QueuedLines);
    private volatile bool _disposed;

    /// <summary>Starts QEMU. The calling thread must live as long as the guest: QEMU dies with it.</summary>
    public Guest(IEnumerable<string> arguments, string socketPath)
    {
        _socketPath = socketPath;
        File.Delete(socketPath);
        _listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _listener.Bind(new UnixDomainSocketEndPoint(socketPath));
        _listener.Listen(1);
        _process = Process.Start(new ProcessStartInfo("setpriv", ["--pdeathsig", "KILL", .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Pump(_process.StandardError, Source.Console, last: false);
        Pump(_process.StandardOutput, Source.Console, last: true);
        if (!_listener.Poll(TimeSpan.FromSeconds(20), SelectMode.SelectRead))
            return;

        _cases = _listener.Accept();
        Pump(new StreamReader(new NetworkStream(_cases), Encoding.UTF8), Source.Case, last: false);
    }

    /// <summary>What the guest has used of the machine's processors, s.</summary>
    public double CpuSeconds => _process.HasExited ? 0 : _process.TotalProcessorTime.TotalSeconds;

    /// <summary>The next line, or false when none came in time.</summary>
    public bool TryRead(out Line line, TimeSpan wait) =>
        _lines.TryTake(out line, wait > TimeSpan.Zero ? wait : TimeSpan.Zero);

    /// <summary>A command to init.</summary>
    public void Send(string command)
    {
        try
        {
            _cases?.Send(Encoding.UTF8.GetBytes(command + "\n"));
        }
        catch (SocketException)
        {
            // The guest is gone; its Exit line says so.
        }
    }

    /// <summary>Sysrq: a break on the serial line (Ctrl-A b of QEMU's console), then a key. Works while the kernel takes interrupts.</summary>
    public void Sysrq(char key)
    {
        try
        {
            _process.StandardInput.Write("\u0001b");
            _process.StandardInput.Flush();
            Thread.Sleep(200);
            _process.StandardInput.Write(key);
            _process.StandardInput.Flush();
        }
        catch (IOException)
        {
            // As above.
        }
    }

    public void Dispose()
    {
        _disposed = true;
        if (!_process.HasExited)
            _process.Kill();
        _process.WaitForExit();
        _cases?.Dispose();
        _listener.Dispose();
        File.Delete(_socketPath);
    }

    private void Pump(StreamReader reader, Source source, bool last)
    {
        new Thread(() =>
        {
            try
            {
                while (!_disposed && reader.ReadLine() is { } text)
                    Put(new Line(source, Printable(text)));
            }
            catch (IOException)
            {
                // The other end is gone.
            }

            if (last)
                Put(new Line(Source.Exit, "qemu ended"));
        })
        { IsBackground = true, Name = "vm-" + source }.Start();
    }

    private void Put(Line line)
    {
        while (!_disposed && !_lines.TryAdd(line, 100))
        {
        }
    }

    /// <summary>Without what a terminal would interpret, and with an end. The record separator stays: it marks what init reports.</summary>
    private static string Printable(string text)
    {
        if (text.Length > LineCharacters)
            text = text[..LineCharacters] + " (cut)";
        return text.Any(c => c < ' ' && c != '\t') ? new string([.. text.Where(c => c is >= ' ' or '\t' or '\x1e')]) : text;
    }
}
