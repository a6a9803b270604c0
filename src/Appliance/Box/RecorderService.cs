using System.Runtime.InteropServices;
using Capbox.Cli;
using Capbox.Health;
using Capbox.Packets.Archive;
using Capbox.Packets.Capture;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Capbox.Box;

/// <summary>Starts the recorder, shows it while it runs, turns SIGHUP into a rotation, and stops it in order.</summary>
internal sealed class RecorderService(
    RunSettings settings, Recorder recorder, Archivist archivist, CustodyService custody, ClockService clock, StatusScreen screen, IHostApplicationLifetime lifetime, ILogger<RecorderService> logger) : IHostedService, IDisposable
{
    private static readonly TimeSpan s_redrawEvery = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan s_jsonEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_logEvery = TimeSpan.FromSeconds(10);
    private readonly CancellationTokenSource _ending = new();
    private readonly HashSet<string> _everCaptured = [];
    private PosixSignalRegistration? _hangup;
    private Task _watch = Task.CompletedTask;
    private BoxSnapshot? _final;
    private string? _outputFault;
    private bool _isRunning;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        recorder.SegmentSealed += archivist.OnSealed;
        archivist.Unsealed = recorder.UnsealedSegments;
        recorder.Triggered += archivist.OnTriggered;
        recorder.Start();
        _isRunning = true;
        // After the recorder: the archive is ours now.
        archivist.Start();
        _hangup = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
        {
            context.Cancel = true;
            recorder.RequestRotation();
        });
        _watch = Task.Run(() => WatchAsync(_ending.Token), CancellationToken.None);
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        // The host calls this also after a start that failed.
        if (!_isRunning)
            return;
        _isRunning = false;
        await _ending.CancelAsync();
        await _watch;
        _hangup?.Dispose();
        NoteCapturing(recorder.Snapshot());
        recorder.Stop();
        archivist.Dispose();
        _final = Snapshot();
    }

    public void Dispose()
    {
        _hangup?.Dispose();
        _ending.Dispose();
    }

    /// <summary>How the connection to the broker stands; whoever keeps it says so.</summary>
    public Func<MqttSnapshot?> Mqtt { get; set; } = static () => null;

    /// <summary>All counters now. From any thread.</summary>
    public BoxSnapshot Snapshot() => new(recorder.Snapshot()) { Archive = archivist.Snapshot(), Custody = custody.Custodian?.State, Clock = clock.Snapshot, Mqtt = Mqtt() };

    /// <summary>Prints the final ledger and judges the job.</summary>
    /// <returns>The exit code.</returns>
    public int Report()
    {
        if (_final is not { } final)
            return Errors.Failed("the recorder did not start");
        if (settings.Json)
        {
            WriteJson(final);
        }
        else
        {
            foreach (string line in StatusView.Ledger(final, settings.Options.Storage.Directory))
                Console.Out.WriteLine(line);
        }

        if (final.Storage.Fault is { } fault)
            return Errors.Failed(fault);
        if (_outputFault is { } full)
            return Errors.Failed(full);
        foreach (PortLedger port in final.Ports.Where(p => p.SeenPackets == 0 && !_everCaptured.Contains(p.Port)))
            return Errors.Failed($"port {port.Port} was never there or up; capbox ports lists the ports");
        return ExitCode.Good;
    }

    private async Task WatchAsync(CancellationToken ending)
    {
        TimeSpan period = settings.Json ? s_jsonEvery : screen.IsTerminal ? s_redrawEvery : s_logEvery;
        TimeSpan? left = settings.Duration;
        BoxSnapshot before = Snapshot();
        try
        {
            while (left is not { } rest || rest > TimeSpan.Zero)
            {
                TimeSpan pause = left < period ? left.Value : period;
                await Task.Delay(pause, ending);
                left -= pause;
                BoxSnapshot now = Snapshot();
                NoteCapturing(now);
                Show(before, now);
                before = now;
            }

            lifetime.StopApplication();
        }
        catch (OperationCanceledException)
        {
            // The normal end.
        }
    }

    private void Show(BoxSnapshot before, BoxSnapshot now)
    {
        if (settings.Json)
            WriteJson(now);
        else if (screen.IsTerminal)
            screen.Status(StatusView.Live(before, now, TerminalSize.Now().Columns));
        else
            logger.LogInformation("{Summary}", StatusView.Summary(before, now));
    }

    /// <summary>An output that takes nothing ends the job, which has failed then.</summary>
    private void WriteJson(BoxSnapshot snapshot)
    {
        try
        {
            Json.WriteLine(snapshot, Json.Default.BoxSnapshot);
        }
        catch (StandardOutputException e)
        {
            _outputFault = e.Message;
            lifetime.StopApplication();
        }
    }

    private void NoteCapturing(RecorderSnapshot snapshot)
    {
        foreach (PortLedger port in snapshot.Ports.Where(p => p.State == PortState.Capturing))
            _everCaptured.Add(port.Port);
    }
}
