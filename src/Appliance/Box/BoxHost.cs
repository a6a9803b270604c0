// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Health;
using Capbox.Packets.Capture;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Capbox.Box;

/// <summary>How a recording ended.</summary>
/// <param name="Final">All counters after everything was sealed.</param>
/// <param name="NeverCaptured">Ports that recorded nothing and were never up.</param>
/// <param name="End">Why the box wanted to end; null: somebody asked, or the time was over.</param>
/// <param name="HadTime">False: it was asked to end before it had started, so that ports had no time to come up.</param>
internal sealed record BoxOutcome(BoxSnapshot Final, IReadOnlyList<string> NeverCaptured, BoxEnd? End, bool HadTime);

/// <summary>Microsoft.Extensions.Hosting around one box: logging, lifetime and an ordered stop.</summary>
/// <param name="log">Where log lines go.</param>
/// <param name="display">Where the box shows itself.</param>
/// <param name="signals">What ends it from outside.</param>
/// <param name="duration">It ends by itself after this; null: never.</param>
internal sealed class BoxHost(ILoggerProvider log, IBoxDisplay display, BoxSignals signals, TimeSpan? duration)
{
    /// <summary>Sealing waits for the disk: 10 s a ring at most, and a full archive of rings still fits.</summary>
    private static readonly TimeSpan s_stopLimit = TimeSpan.FromMinutes(15);

    /// <summary>Records until the box or somebody else ends it.</summary>
    /// <exception cref="CaptureException">The recorder does not start.</exception>
    /// <exception cref="Packets.Custody.CustodyException">The chain of custody does not start.</exception>
    public BoxOutcome Run(BoxOptions options, KeptConfiguration? kept)
    {
        // The empty builder reads no settings files and no environment: capbox has one document, and starts faster.
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Logging.ClearProviders();
        builder.Logging.AddProvider(log);
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
        // The caller reports a start that fails, once.
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = s_stopLimit);
        builder.Services.AddSingleton<IHostLifetime, SignalLifetime>();
        builder.Services.AddSingleton(signals);
        builder.Services.AddSingleton(services => new HostedBox(
            new CaptureBox(options, kept, services.GetRequiredService<ILoggerFactory>()), display, signals, duration, services.GetRequiredService<IHostApplicationLifetime>()));
        builder.Services.AddHostedService(services => services.GetRequiredService<HostedBox>());
        using IHost host = builder.Build();
        HostedBox box = host.Services.GetRequiredService<HostedBox>();
        host.Run();
        return box.Outcome;
    }

    /// <summary>Ends the host when the process was asked to end: once it has started, so that start and stop never overlap.</summary>
    private sealed class SignalLifetime(BoxSignals signals, IHostApplicationLifetime lifetime) : IHostLifetime, IDisposable
    {
        private CancellationTokenRegistration _started, _asked;

        public Task WaitForStartAsync(CancellationToken cancellationToken)
        {
            _started = lifetime.ApplicationStarted.Register(() => _asked = signals.Ending.Register(lifetime.StopApplication));
            return Task.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public void Dispose()
        {
            _started.Dispose();
            _asked.Dispose();
        }
    }

    /// <summary>The box as the host's one service, and the loop that shows it.</summary>
    private sealed class HostedBox(CaptureBox box, IBoxDisplay display, BoxSignals signals, TimeSpan? duration, IHostApplicationLifetime lifetime) : IHostedService, IDisposable
    {
        private readonly CancellationTokenSource _stopping = new();
        private readonly HashSet<string> _everCaptured = [];
        private Task _showing = Task.CompletedTask;
        private bool _hadTime, _isRunning;

        public BoxOutcome Outcome { get; private set; } = null!;

        public Task StartAsync(CancellationToken cancellationToken)
        {
            box.Start();
            _isRunning = true;
            _hadTime = !signals.Ending.IsCancellationRequested;
            signals.HangsUp += box.Rotate;
            _showing = Task.Run(ShowAsync, CancellationToken.None);
            _ = box.Ended.ContinueWith(_ => lifetime.StopApplication(), TaskScheduler.Default);
            return Task.CompletedTask;
        }

        public async Task StopAsync(CancellationToken cancellationToken)
        {
            // The host calls this also after a start that failed.
            if (!_isRunning)
                return;
            _isRunning = false;
            signals.HangsUp -= box.Rotate;
            await _stopping.CancelAsync();
            await _showing;
            RememberCapturing(box.Snapshot());
            box.Stop();
            BoxSnapshot final = box.Snapshot();
            string[] never = [.. final.Ports.Where(p => p.SeenPackets == 0 && !_everCaptured.Contains(p.Port)).Select(p => p.Port)];
            Outcome = new BoxOutcome(final, never, box.Ended.IsCompleted ? box.Ended.Result : null, _hadTime);
        }

        public void Dispose()
        {
            box.Dispose();
            _stopping.Dispose();
        }

        private async Task ShowAsync()
        {
            TimeSpan? left = duration;
            BoxSnapshot before = box.Snapshot();
            try
            {
                while (left is not { } rest || rest > TimeSpan.Zero)
                {
                    TimeSpan pause = left < display.Period ? left.Value : display.Period;
                    await Task.Delay(pause, _stopping.Token);
                    left -= pause;
                    BoxSnapshot now = box.Snapshot();
                    RememberCapturing(now);
                    if (!display.Show(before, now))
                        break;
                    before = now;
                }

                lifetime.StopApplication();
            }
            catch (OperationCanceledException)
            {
                // The normal end.
            }
        }

        private void RememberCapturing(RecorderSnapshot snapshot)
        {
            foreach (PortLedger port in snapshot.Ports.Where(p => p.State == PortState.Capturing))
                _everCaptured.Add(port.Port);
        }
    }
}
